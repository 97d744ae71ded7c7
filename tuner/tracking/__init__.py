"""MLflow: runs, metrics, notes, charts and links to its pages. Nothing else imports it."""
