"""Write the table in ``docs/attacks.md`` anew."""

from attacks.harness import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
