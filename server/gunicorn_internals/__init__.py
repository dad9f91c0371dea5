"""All that the server uses of gunicorn without gunicorn's documentation promising that it stays.

Nothing else in the server imports gunicorn, but for the documented ``gunicorn.app.base``. Each name that is used or
overridden here stands in tests/server/test_gunicorn_internals.py, which fails by that name when a newer gunicorn lacks
or changes it. Written against gunicorn 27.
"""
