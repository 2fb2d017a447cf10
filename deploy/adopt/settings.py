# The settings of this site. They are read after pelicanconf.py, and go before it. Take away the # where you want
# another value. An upgrade never touches this file. `make preview` shows what it looks like, `make doctor` checks it.

# --- What it is called ---

# SITENAME = "Example Linux"
# SITESUBTITLE = "Images to download"
# AUTHOR = "Example Linux"
# The address, for the feed, for search engines, and for links that others make to the site.
# SITEURL = "https://downloads.example.org"

# --- Where things are ---

# The folder that the web server serves, with the images in it.
# WEB_ROOT = "/var/www/file-server"
# The access logs. Several patterns have blanks between them.
# LOGS = "/var/log/apache2/downloads-ssl-access.log*"
# The zone in which dates are shown.
# TIMEZONE = "Europe/Berlin"

# --- Languages: the first one at the top, the others in folders of their own ---

# DEFAULT_LANG = "en"
# I18N_SUBSITES = {"fr": {"SITESUBTITLE": "Images à télécharger"}}
#
# One language only:
# I18N_SUBSITES = {}

# --- How to count: docs/settings.md has all of these ---

# DOWNLOAD_COUNTER["log_format"] = "nginx"
# DOWNLOAD_COUNTER["extensions"] = [".iso", ".img.xz"]
# DOWNLOAD_COUNTER["crawlers"] = True
# DOWNLOAD_COUNTER["show_counts"] = True
