"""Reports as one self-contained HTML page or Markdown: the pieces that studies and validations share, and a study's."""
