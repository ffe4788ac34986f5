#!/usr/bin/env python
"""Commands of the hosted site: `manage.py demo` needs nothing else."""

import os
import sys
from pathlib import Path


def set_demo_defaults() -> None:
    """Make `demo` work on a machine where nothing is set up.

    Somebody who has named a database has a site to lose: for them nothing is assumed, and the command refuses
    unless they set DEBUG themselves.
    """
    if "DATABASE_URL" in os.environ:
        return
    os.environ.setdefault("DEBUG", "1")
    os.environ["DATABASE_URL"] = f"sqlite:///{Path(__file__).resolve().parent / 'var' / 'demo.sqlite3'}"
    os.environ["REDIS_URL"] = ""


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    if sys.argv[1:2] == ["demo"]:
        set_demo_defaults()
    try:
        from django.conf import settings
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            f"{error}. Install the project into the active environment: pip install -e '.[site]'"
        ) from None
    try:
        settings.DEBUG  # reads the environment  # noqa: B018
    except ImproperlyConfigured as error:
        raise SystemExit(str(error)) from None
    except ModuleNotFoundError as error:
        raise SystemExit(f"{error}. Install what the hosted site needs: pip install -e '.[site]'") from None
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
