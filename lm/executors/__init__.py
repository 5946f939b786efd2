"""Where tasks run: in child processes of this machine, or on a Ray cluster; neither knows what a task does."""
