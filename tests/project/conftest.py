"""The hosted site as a process, and people with a browser of their own."""

import re
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio

from tests.site import Site

PEOPLE = """
from django.contrib.auth import get_user_model
people = get_user_model().objects
people.create_user("one", password="pw-one-12345")
people.create_superuser("root", password="pw-root-12345")
"""


class Browser:
    """Somebody who looks at the site: keeps cookies, sends the token of the form it saw last."""

    def __init__(self, site: Site, http: aiohttp.ClientSession) -> None:
        self.site = site
        self.http = http
        self.token = ""

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        """The answer and its text; redirects are not followed."""
        async with self.http.get(self.site.url + path, allow_redirects=False, headers=headers) as response:
            text = await response.text()
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
        self.token = found[1] if found else self.token
        return response, text

    async def post(self, path: str, **fields: str) -> tuple[aiohttp.ClientResponse, str]:
        """See get."""
        data = {"csrfmiddlewaretoken": self.token, **fields}
        async with self.http.post(self.site.url + path, data=data, allow_redirects=False) as response:
            return response, await response.text()

    async def sign_in(self, name: str) -> "Browser":
        """Use the login form."""
        await self.get("/accounts/login/")
        response, _ = await self.post("/accounts/login/", username=name, password=f"pw-{name}-12345")
        assert response.status == 302
        return self


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The hosted site with production settings, without https, open for everybody to sign up."""
    with Site(env={"SIGNUP_OPEN": "1", "CHATAPP_LIMITS": "on"}) as site:
        site.manage("shell", "-c", PEOPLE)
        yield site


@pytest_asyncio.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    """A browser that nobody has signed in with."""
    jar = aiohttp.CookieJar(unsafe=True)  # also for an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(site, http)
