"""The pages of years: files by month, beside the statistics page, which then need not hold them all."""

from pathlib import Path
from typing import Any

from pelican.generators import Generator

from ..settings import STATS_FOLDER
from .charts import heat
from .report import NOTHING, Period, Report, Year

TEMPLATE = "stats_year.html"

# A page stays light: what is left out of it is in the CSV.
FILES = 200


def year_pages(generator: Generator, stats: Report) -> list[str]:
    """Return the years with downloads, newest first; none if the theme has no template for their pages."""
    if TEMPLATE not in generator.env.list_templates():
        return []
    return [year.key for year in stats.years if year.figure.started]


def write_years(generator: Generator, writer: Any, stats: Report) -> None:
    """Write a page for each of the `year_pages` in the context."""
    # Wherever the site has its statistics page.
    folder = Path(generator.settings.get("STATS_SAVE_AS") or STATS_FOLDER / "index.html").parent

    def shown(month: Period) -> str:
        return str(generator.env.filters["shortmonth"](month.date))

    for year in stats.years:
        if year.key in generator.context["year_pages"]:
            writer.write_file(
                str(folder / year.key / "index.html"),
                generator.env.get_template(TEMPLATE),
                generator.context,
                relative_urls=generator.settings["RELATIVE_URLS"],
                year=year,
                **_rows(stats, year, [shown(month) if month else "" for month in year.months]),
            )


def _rows(stats: Report, year: Year, names: list[str]) -> dict[str, Any]:
    """The files of a year, the most downloaded first, each with the name, number and level of each month."""
    files = [one for one in stats.files if year.key in one.years]
    files.sort(key=lambda one: (-one.years[year.key].started, one.file))
    keys = [month.key if month else "" for month in year.months]
    numbers = [[one.months.get(key, NOTHING).started for key in keys] for one in files[:FILES]]
    levels = iter(heat(number for row in numbers for number in row))
    cells = [[(name, number, next(levels)) for name, number in zip(names, row, strict=True)] for row in numbers]
    return {"year_rows": list(zip(files, cells, strict=False)), "year_more": len(files) - len(cells)}
