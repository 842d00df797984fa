"""What every test has: a watch for what it leaves behind."""

pytest_plugins = ["tests.helpers.leaks"]
