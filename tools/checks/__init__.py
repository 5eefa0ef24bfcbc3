"""What tools/tidy checks: a module an idea, a function a check, each yielding findings."""
