"""What each URL takes and answers: all that knows Flask."""
