"""What every test has: a watch for what it leaves behind, and the signals of a program that a person started."""

import signal

pytest_plugins = ["tests.helpers.leaks"]


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and nohup a hang-up; so would all that the tests start from here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
