"""The HTTP routes: what each URL takes and answers. Only these files, the app and its errors know Flask."""
