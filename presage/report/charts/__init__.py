"""Charts as SVG that follow a page's colours, in light and dark, and whose marks say which network they are."""
