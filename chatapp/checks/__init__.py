"""System checks: what would go wrong later, said at start. docs/checks.md has a paragraph for each id.

An error stops the site from working or opens it to others; a warning names what works on a laptop and fails in
production. Those that only make sense for a site that is about to go live run under `check --deploy`.
"""

from django.core.checks import Tags, register

from chatapp.checks import deployment, files, site

AT_EVERY_START = (
    site.check_settings,
    site.check_asgi,
    site.check_apps,
    site.check_layer,
    site.check_assistants,
    site.check_policy,
    files.check_storage,
    files.check_libraries,
    deployment.check_keys,
    deployment.check_connections,
    deployment.check_sqlite,
)

BEFORE_GOING_LIVE = (
    deployment.check_layer,
    deployment.check_csp,
    deployment.check_hosts,
    deployment.check_error_texts,
    deployment.check_sessions,
    deployment.check_versions,
)


def register_all() -> None:
    """Register every check with Django."""
    for check in AT_EVERY_START:
        register(check, Tags.compatibility)
    for check in BEFORE_GOING_LIVE:
        register(check, Tags.security, deploy=True)
