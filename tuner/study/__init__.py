"""Making, finding, joining and summing up a study."""
