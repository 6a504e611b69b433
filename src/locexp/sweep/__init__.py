"""What happens across runs: the list of jobs, their launch, the parent run, resuming."""
