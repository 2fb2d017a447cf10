"""An honest download counter for the files a web server hands out, as a Pelican plugin.

Before each build it ingests the access logs, scans the web root for images, and puts both into
the site's context. Data goes one way: log -> row -> tally -> day -> history -> report -> page. Only
what is in `site` knows Pelican.
"""


def register() -> None:
    """Connect the plugin to Pelican's signals; Pelican calls this."""
    # Imported here: `python -m download_counter` ingests without Pelican, and much faster.
    from .site.plugin import connect

    connect()
