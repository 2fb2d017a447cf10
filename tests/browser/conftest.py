"""The sites in each state, served by a real Apache under the strict policy, and a real Chromium to look at them."""

import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from browser.visits import Served, Visitor
from sites import STATES, make_site
from support import find_program, free_port, open_folder, wait_until

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'"

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
)
"""Chromium as root in a container, asking nobody but the test's server."""

CONFIGURATION = """
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/httpd.pid"
Mutex "file:{folder}" default
ServerName downloads.example
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
{user}
TypesConfig /etc/mime.types
DirectoryIndex index.html
ErrorLog "{folder}/error.log"
DocumentRoot "{folder}"
{aliases}
<Directory "{folder}">
    Require all granted
</Directory>
Header always set Content-Security-Policy "{policy}"
"""


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    apache = find_program("apache2")
    if apache is None:
        pytest.skip("apache2 not found; on Debian: apt-get install apache2")
    port = free_port()
    with open_folder() as folder:
        sites = Served()
        for state in STATES:
            sites.urls[state] = f"http://127.0.0.1:{port}/{state}"
            sites.roots[state] = make_site(folder / state, state, sites.urls[state])
        aliases = "\n".join(f'AliasMatch "^/{state}/(.*)$" "{sites.roots[state]}/$1"' for state in STATES)
        configuration = folder / "httpd.conf"
        modules = "LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so\n"
        user = "User www-data\nGroup www-data" if folder.owner() == "root" else ""
        configuration.write_text(
            CONFIGURATION.format(folder=folder, port=port, user=user, aliases=modules + aliases, policy=POLICY)
        )
        server = subprocess.Popen([apache, "-DFOREGROUND", "-f", str(configuration)], stdin=subprocess.DEVNULL)
        try:
            wait_until((folder / "httpd.pid").exists, "Apache to start")
            yield sites
        finally:
            server.terminate()
            server.wait(timeout=20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = find_program("chromium") or find_program("chromium-browser")
    if chromium is None:
        pytest.skip("chromium not found; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Visitor]:
    visitor = Visitor(browser, served)
    yield visitor
    visitor.leave()
