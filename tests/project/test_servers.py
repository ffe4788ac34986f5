"""The hosted site on its servers, databases and with its log."""

import json
import re
import signal
import urllib.error
import urllib.request

import pytest

from tests.site import Site

MAKE_ONE = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_user("one", password="pw-one-12345")
"""


def get(url: str) -> tuple[int, str]:
    """Status and text of an address of ours."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own address
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("server", ["daphne", "uvicorn"])
def test_it_serves_and_ends_by_itself(server: str) -> None:
    with Site(server=server) as site:
        status, text = get(site.url + "/readyz")
        (process,) = site.processes
        process.send(signal.SIGTERM)
        process.wait(20)

    assert status == 200
    assert json.loads(text)["checks"] == {"database": "ok", "layer": "ok", "draining": "ok"}
    assert "Traceback" not in site.log


def test_in_production_everything_but_health_is_https() -> None:
    class NoRedirect(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *args: object, **kwargs: object) -> None:
            """Stay."""

    def ask(path: str) -> tuple[int, str]:
        try:
            with urllib.request.build_opener(NoRedirect()).open(site.url + path, timeout=10) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Location"]

    with Site(env={"SECURE": "1"}) as site:
        found = [ask(path) for path in ("/", "/accounts/login/", "/healthz", "/readyz")]

    https = site.url.replace("http://", "https://")
    assert found == [(301, f"{https}/"), (301, f"{https}/accounts/login/"), (200, ""), (200, "")]


def test_a_sub_path_works_whether_the_proxy_strips_it_or_not() -> None:
    with Site(env={"SCRIPT_NAME": "/assistant"}) as site:
        kept, page = get(site.url + "/assistant/accounts/login/")
        stripped, same = get(site.url + "/accounts/login/")
        style = re.search(r'href="(/assistant/static/chatapp/[^"]+\.css)"', page)
        assert style
        packed, _ = get(site.url + style[1])

    assert (kept, stripped, packed) == (200, 200, 200)
    assert 'href="/assistant/' in same
    assert not re.search(r'(?:href|src|action)="/(?!assistant/)', page)


def test_its_log_is_json_from_the_first_line_to_the_last() -> None:
    with Site(env={"LOG_FORMAT": "json", "LOG_LEVEL": "INFO"}) as site:
        get(site.url + "/nowhere/?token=sk-0123456789abcdef")

    lines = [json.loads(line) for line in site.log.splitlines()]
    found = [line for line in lines if line["logger"] == "django.request"]
    assert found[0]["level"] == "WARNING"
    assert found[0]["message"] == "Not Found: /nowhere/"
    assert "sk-0123456789abcdef" not in site.log


@pytest.mark.needs_postgres
@pytest.mark.needs_redis
def test_it_works_on_postgres_and_redis_with_two_processes(postgres_url: str, redis_url: str) -> None:
    with Site(processes=2, env={"DATABASE_URL": postgres_url, "REDIS_URL": redis_url}) as site:
        answers = [get(url + "/readyz") for url in site.urls]
        site.manage("shell", "-c", MAKE_ONE)
        login, _ = get(site.urls[1] + "/accounts/login/")

    assert [status for status, _ in answers] == [200, 200]
    assert login == 200
    assert "Traceback" not in site.log


@pytest.mark.needs_redis
def test_check_deploy_has_nothing_of_chatapp_to_complain_of_when_redis_is_there(redis_url: str) -> None:
    site = Site(env={"REDIS_URL": redis_url, "SECURE": "1"})

    assert "chatapp." not in site.manage("check", "--deploy")


def test_guests_are_promised_by_nobody_yet() -> None:
    site = Site(env={"GUESTS_ALLOWED": "1"})

    with pytest.raises(RuntimeError, match=r"project\.W001"):
        site.manage("check", "--fail-level", "WARNING")
