"""The hosted site's pages, as a browser gets them."""

import re

import pytest

from tests.project.conftest import Browser

POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@pytest.mark.parametrize(
    "path", ["/", "/accounts/login/", "/accounts/signup/", "/admin/login/", "/healthz", "/nowhere/"]
)
async def test_every_page_forbids_what_it_does_not_need(browser: Browser, path: str) -> None:
    response, _ = await browser.get(path)

    headers = response.headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


async def test_the_landing_page_is_for_visitors(browser: Browser) -> None:
    response, text = await browser.get("/")

    assert response.status == 200
    assert "/accounts/login/" in text
    assert "/accounts/signup/" in text


async def test_who_is_signed_in_lands_in_the_chat(browser: Browser) -> None:
    await browser.sign_in("one")

    response, _ = await browser.get("/")

    assert (response.status, response.headers["Location"]) == (302, "/chat/")


async def test_the_chat_asks_visitors_to_sign_in(browser: Browser) -> None:
    response, _ = await browser.get("/chat/")

    assert (response.status, response.headers["Location"]) == (302, "/accounts/login/?next=/chat/")


async def test_a_chat_page_is_kept_by_nobody(browser: Browser) -> None:
    await browser.sign_in("one")

    response, text = await browser.get("/chat/")

    assert response.status == 200
    assert "no-store" in response.headers["Cache-Control"]
    assert "private" in response.headers["Cache-Control"]
    assert "Cookie" in response.headers["Vary"]
    assert 'aria-label="Conversation"' in text


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/"])
async def test_no_page_has_script_or_style_in_it(browser: Browser, path: str) -> None:
    _, text = await browser.get(path)

    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text) == []


async def test_a_new_account_is_signed_in_at_once(browser: Browser) -> None:
    await browser.get("/accounts/signup/")

    response, _ = await browser.post(
        "/accounts/signup/", username="newcomer", password1="a-fine-long-one", password2="a-fine-long-one"
    )

    assert (response.status, response.headers["Location"]) == (302, "/chat/")
    response, _ = await browser.get("/chat/")
    assert response.status == 200


async def test_a_weak_password_gets_a_sentence(browser: Browser) -> None:
    await browser.get("/accounts/signup/")

    response, text = await browser.post(
        "/accounts/signup/", username="weak", password1="12345678", password2="12345678"
    )

    assert response.status == 200
    assert "This password is too common." in text


async def test_signing_out_is_a_post(browser: Browser) -> None:
    await browser.sign_in("one")
    await browser.get("/chat/")

    by_link, _ = await browser.get("/accounts/logout/")
    by_form, _ = await browser.post("/accounts/logout/")

    assert by_link.status == 405
    assert (by_form.status, by_form.headers["Location"]) == (302, "/")
    after, _ = await browser.get("/chat/")
    assert after.status == 302


async def test_a_form_without_its_token_is_refused(browser: Browser) -> None:
    response, _ = await browser.post("/accounts/login/", username="one", password="pw-one-12345")

    assert response.status == 403


async def test_guessing_a_password_is_stopped_and_the_right_one_waits_too(browser: Browser) -> None:
    await browser.get("/accounts/login/")

    answers = [await browser.post("/accounts/login/", username="Guessed", password=f"wrong-{n}") for n in range(11)]

    assert [response.status for response, _ in answers] == [200] * 10 + [429]
    response, text = answers[-1]
    assert response.headers["Retry-After"] == "300"
    assert "Too many attempts. Please try again in a few minutes." in text
    other, _ = await browser.post("/accounts/login/", username="one", password="pw-one-12345")
    assert other.status == 302


async def test_static_files_come_packed_and_to_be_kept_for_ever(browser: Browser) -> None:
    _, page = await browser.get("/accounts/login/")
    found = re.search(r'href="(/static/chatapp/chatapp\.[0-9a-f]{12}\.css)"', page)

    assert found
    response, text = await browser.get(found[1], **{"Accept-Encoding": "gzip"})
    assert response.status == 200
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]
    assert "chat" in text


async def test_a_static_file_that_was_not_changed_is_not_sent_again(browser: Browser) -> None:
    first, _ = await browser.get("/static/chatapp/chatapp.css")

    again, text = await browser.get("/static/chatapp/chatapp.css", **{"If-None-Match": first.headers["ETag"]})

    assert (again.status, text) == (304, "")


async def test_a_static_file_that_does_not_exist_is_not_found(browser: Browser) -> None:
    response, _ = await browser.get("/static/chatapp/../../settings.py")

    assert response.status == 404


async def test_the_admin_opens_for_staff_only(browser: Browser) -> None:
    await browser.sign_in("one")
    response, _ = await browser.get("/admin/")
    assert response.status == 302

    await browser.get("/chat/")
    await browser.post("/accounts/logout/")
    await browser.sign_in("root")
    response, text = await browser.get("/admin/")
    assert response.status == 200
    assert "/admin/chatapp/thread/" in text


async def test_health_is_told_without_signing_in(browser: Browser) -> None:
    alive, _ = await browser.get("/healthz")
    ready, text = await browser.get("/readyz")

    assert (alive.status, ready.status) == (200, 200)
    assert '"status": "ok"' in text
