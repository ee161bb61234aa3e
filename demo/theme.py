"""How the demo looks: colours, type and spacing for light and dark, without a font or script from elsewhere."""

from __future__ import annotations

import base64
from pathlib import Path

import gradio as gr

LOGO = Path(__file__).parent / "logo.svg"

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Liberation Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

INK, PAPER, LINE, SOFT = "#1c1917", "#faf8f5", "#e7e2db", "#57534e"
INK_DARK, PAPER_DARK, CARD_DARK, LINE_DARK, SOFT_DARK = "#f5f5f4", "#131211", "#1d1b19", "#35312d", "#b5aea6"
ACCENT, ACCENT_DARK = "#0f766e", "#2dd4bf"


def thumbnet_theme() -> gr.themes.Base:
    """Warm paper, dark ink and one teal."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_lg,
        spacing_size=gr.themes.sizes.spacing_md,
        font=FONTS,
        font_mono=MONO,
    )
    return theme.set(
        body_background_fill=PAPER,
        body_background_fill_dark=PAPER_DARK,
        body_text_color=INK,
        body_text_color_dark=INK_DARK,
        body_text_color_subdued=SOFT,
        body_text_color_subdued_dark=SOFT_DARK,
        background_fill_primary="#ffffff",
        background_fill_primary_dark=CARD_DARK,
        background_fill_secondary="#f5f2ed",
        background_fill_secondary_dark="#262320",
        block_background_fill="#ffffff",
        block_background_fill_dark=CARD_DARK,
        block_border_color=LINE,
        block_border_color_dark=LINE_DARK,
        block_border_width="1px",
        block_border_width_dark="1px",
        block_label_background_fill="#ffffff",
        block_label_background_fill_dark=CARD_DARK,
        block_label_border_width="0px",
        block_label_border_width_dark="0px",
        block_label_text_color=SOFT,
        block_label_text_color_dark=SOFT_DARK,
        block_title_text_color=SOFT,
        block_title_text_color_dark=SOFT_DARK,
        block_title_text_weight="500",
        block_shadow="0 1px 2px rgb(28 25 23 / 0.05)",
        block_shadow_dark="none",
        border_color_primary=LINE,
        border_color_primary_dark=LINE_DARK,
        color_accent=ACCENT,
        color_accent_soft="#e6f4f1",
        color_accent_soft_dark="#12312e",
        link_text_color=ACCENT,
        link_text_color_dark=ACCENT_DARK,
        button_primary_background_fill=ACCENT,
        button_primary_background_fill_hover="#115e59",
        button_primary_background_fill_dark=ACCENT,
        button_primary_background_fill_hover_dark="#115e59",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        stat_background_fill=ACCENT,
        stat_background_fill_dark="#14b8a6",
        checkbox_label_background_fill="#ffffff",
        checkbox_label_background_fill_dark=CARD_DARK,
        checkbox_label_background_fill_hover="#f5f2ed",
        checkbox_label_background_fill_hover_dark="#262320",
        checkbox_label_border_color=LINE,
        checkbox_label_border_color_dark=LINE_DARK,
        checkbox_label_border_width="1px",
        checkbox_label_border_width_dark="1px",
        checkbox_label_background_fill_selected="#e6f4f1",
        checkbox_label_background_fill_selected_dark="#12312e",
        checkbox_label_border_color_selected=ACCENT,
        checkbox_label_border_color_selected_dark=ACCENT_DARK,
        checkbox_label_text_color_selected=INK,
        checkbox_label_text_color_selected_dark=INK_DARK,
    )


SPOKEN = {"common.complete": "Complete"}
"""What Gradio has screen readers say by its key, for want of a translation."""


def header() -> str:
    """The head of the page, as HTML."""
    return f"""
<header class="masthead">
  {LOGO.read_text(encoding="utf-8")}
  <div>
    <h1>thumbnet</h1>
    <p>A small neural network looks at your picture. Pictures are not kept.</p>
  </div>
</header>"""


def head() -> str:
    """What goes into <head>: the logo as icon, and what STYLE cannot reach: pictures that are none, and the footer."""
    icon = base64.b64encode(LOGO.read_bytes()).decode()
    return f"""
<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,{icon}">
<script>
// Gradio takes the language of the browser for that of the page.
const page = document.documentElement;
const speakEnglish = () => page.lang === "en" || (page.lang = "en");
new MutationObserver(speakEnglish).observe(page, {{ attributes: true, attributeFilter: ["lang"] }});
speakEnglish();
const settle = (shown) => (event) => event.target.closest?.(".picture") && (event.target.style.opacity = shown);
document.addEventListener("error", settle(0), true); // a file that is no picture: the card says so, once is enough
document.addEventListener("load", settle(1), true);
// Gradio empties a box that shows a picture before it looks at what is dropped there, and then finds nothing.
document.addEventListener("drop", (event) => {{
  const box = event.target.closest?.(".picture");
  const input = box?.querySelector("img") && box.querySelector("input[type=file]");
  if (!input || !event.dataTransfer.files.length) return;
  event.preventDefault();
  event.stopPropagation();
  const dropped = new DataTransfer();
  dropped.items.add(event.dataTransfer.files[0]);
  input.files = dropped.files;
  input.dispatchEvent(new Event("change", {{ bubbles: true }}));
}}, true);
</script>
<style>@media (max-width: 640px) {{ footer .divider {{ display: none !important; }} }}</style>"""


STYLE = """
.dark { --color-accent: #2dd4bf; }
.gradio-container { width: 100%; max-width: 1120px !important; margin: 0 auto !important; }
.gradio-container > .main { padding: 1rem clamp(0.875rem, 3vw, 2rem); }
.gradio-container .html-container { padding: 0; }
.gradio-container :focus-visible { outline: 2px solid var(--color-accent) !important; outline-offset: 2px; }
.gradio-container [role="tab"]:focus-visible { outline-offset: -4px; border-radius: 6px; }
.masthead { display: flex; align-items: center; gap: 1rem; padding: 1rem 0 0; }
.masthead svg { width: 3.25rem; height: 3.25rem; flex: none; }
.masthead h1 { font-size: 1.75rem; line-height: 1.1; letter-spacing: -0.02em; font-weight: 700; margin: 0; }
.masthead p { margin: 0.25rem 0 0; color: var(--body-text-color-subdued); }

.picture img { width: 100%; height: 100%; object-fit: contain; }
.picture img[src*="/examples/"][src*=".png"] { image-rendering: pixelated; }
.picture label { font-size: 0.8125rem; }

.answer { display: flex; gap: 1.5rem; justify-content: space-between; padding: 1.5rem; min-height: 16.25rem;
  background: var(--block-background-fill); border: 1px solid var(--border-color-primary);
  border-radius: var(--block-radius); box-shadow: inset 4px 0 0 var(--color-accent); }
.answer.problem { box-shadow: inset 4px 0 0 #c2410c; }
.answer .verdict { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.015em; font-weight: 650; margin: 0;
  text-wrap: balance; overflow-wrap: anywhere; }
.answer > div { min-width: 0; }
.answer p::first-letter { text-transform: uppercase; }
.answer .aside { margin: 0.75rem 0 0; color: var(--body-text-color-subdued); overflow-wrap: anywhere; }
.answer figure { margin: 0; flex: none; width: 8rem; }
.answer figcaption { margin-top: 0.5rem; font-size: 0.75rem; line-height: 1.35; color: var(--body-text-color-subdued); }
.answer .seen { width: 8rem; height: 8rem; margin: 0; border-radius: 6px; image-rendering: pixelated; }

.known { display: flex; flex-wrap: wrap; gap: 0.5rem; list-style: none; margin: 0.75rem 0 0; padding: 0; }
.known li { margin: 0; max-width: 100%; padding: 0.25rem 0.75rem; border-radius: 1rem; overflow-wrap: anywhere;
  background: var(--background-fill-secondary); }
.told ol { margin: 0.5rem 0 0; padding-left: 1.25rem; }
.told li { margin: 0.375rem 0 0; }

.bars { list-style: none; margin: 1rem 0 0; padding: 1rem 1.5rem; background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: var(--block-radius); }
.bars li { display: grid; grid-template-columns: minmax(0, 1fr) auto; column-gap: 0.75rem; padding: 0.3125rem 0; }
.bars span:first-child { overflow-wrap: anywhere; }
.bars li > div { grid-column: 1 / -1; height: 0.25rem; margin-top: 0.1875rem; border-radius: 2px;
  background: var(--background-fill-secondary); }
.bars li > div > div { height: 100%; min-width: 2px; border-radius: 2px; background: var(--color-accent); }

.examples p { margin: 0.5rem 0; font-size: 0.8125rem; color: var(--body-text-color-subdued); }
.examples .gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(3.5rem, 1fr)); gap: 0.5rem; }
.examples button { padding: 0; aspect-ratio: 1; border: 1px solid var(--border-color-primary); border-radius: 8px;
  overflow: hidden; background: none; }
.examples button:hover, .examples button:focus-visible { outline: 2px solid var(--color-accent); outline-offset: 1px; }
.examples img { display: block; width: 100%; height: 100%; object-fit: cover; margin: 0; image-rendering: pixelated; }

@media (min-width: 720px) {
  .picture { height: 32.5rem !important; }
  .invitation { min-height: 32.5rem; }
  .invitation > div { display: flex; flex-direction: column; }
  .told { margin-top: auto; }
}
@media (max-width: 719px) {
  .told { display: none; } /* the examples should be in sight */
}
@media (max-width: 560px) {
  .answer { flex-direction: column; gap: 1.25rem; padding: 1.125rem; min-height: 0; }
  .answer .verdict { font-size: 1.5rem; }
  .answer figure { display: flex; align-items: end; gap: 0.75rem; width: auto; }
  .bars { padding: 0.75rem 1.125rem; }
}
@media (forced-colors: active) { /* what colour alone would say */
  .bars li > div { border: 1px solid CanvasText; }
  .bars li > div > div { forced-color-adjust: none; background: Highlight; }
  [role="tab"][aria-selected="true"], label:has(:checked) { outline: 2px solid Highlight; outline-offset: -2px; }
}
"""
