"""Many runs as one: a file names them, an engine starts them, and folders are all they leave."""
