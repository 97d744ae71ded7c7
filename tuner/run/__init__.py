"""What a process runs from start to end: a study, a worker service, the MLflow UI, the doctor."""
