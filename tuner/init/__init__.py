"""`tuner init`: a commented study file for the user's data, from what the data is and a short timing run."""
