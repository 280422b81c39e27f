/*
 * Colours are worked out in the browser from the one that the operator gives. In CIE XYZ the luminance of WCAG 2 is `y`, and mixing is
 * linear, so its contrasts hold exactly for every colour: `--strong`, for text and lines, is the accent made as dark (or light) as
 * 4.5:1 with each ground needs, and `--on-fill` is whichever of white and black has 4.5:1 on the accent itself. Browsers
 * without relative colours (CSS Color 5) get ours.
 */
const accentColours = `
* { --fill: #0b5cad; --strong: #0b5cad; --on-fill: #fff; }
@media (prefers-color-scheme: dark) { * { --fill: #6cb6ff; --strong: #6cb6ff; --on-fill: #000; } }
@supports (color: color(from red xyz-d65 x y z)) {
* { --fill: color(from var(--accent) xyz-d65 x y z / 1); --strong: color(from var(--accent) xyz-d65 calc(x * min(1, .13 / y)) calc(y * min(1, .13 / y)) calc(z * min(1, .13 / y)) / 1); --on-fill: color(from var(--accent) xyz-d65 calc(.95 * clamp(0, (.179 - y) * 100000, 1)) clamp(0, (.179 - y) * 100000, 1) calc(1.089 * clamp(0, (.179 - y) * 100000, 1)) / 1); }
@media (prefers-color-scheme: dark) { * { --strong: color(from var(--accent) xyz-d65 calc(x + max(0, (.33 - y) / (1 - y)) * (.95 - x)) calc(y + max(0, (.33 - y) / (1 - y)) * (1 - y)) calc(z + max(0, (.33 - y) / (1 - y)) * (1.089 - z)) / 1); } }
}`

/** The style sheet of every page; its hash is in the content security policy. */
export const styles: string = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #f6f8fa; --card: #fff; --accent: #0b5cad; --warn-ground: #fff4d6; --warn-ink: #5c3d00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b3; --line: #3d444d; --ground: #0d1117; --card: #161b22; --accent: #6cb6ff; --warn-ground: #3a2d0b; --warn-ink: #f5d98b; } }${accentColours}
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, footer { max-width: 30rem; margin: 0 auto; overflow-wrap: anywhere; }
main { margin-top: 4vh; padding: 1.75rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
main > :last-child { margin-bottom: 0; }
footer { padding: 1rem 1.75rem; color: var(--soft); font-size: .9rem; }
.owner { color: var(--soft); font-weight: 600; }
h1 { margin: 0 0 .75rem; font-size: 1.35rem; line-height: 1.75rem; }
h2 { margin: 1.25rem 0 .25rem; font-size: 1rem; }
p { margin: 0 0 .75rem; }
ul { margin: 0 0 .75rem; padding-left: 1.25rem; }
dl { margin: 1rem 0; display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; }
dt { color: var(--soft); }
dd { margin: 0; }
a { color: var(--strong); font-weight: 600; }
.foreign { display: inline-block; max-width: 100%; max-height: 3.5rem; max-height: calc(2lh + 2px); padding: 0 .3em; border: 1px solid var(--line); border-radius: 4px; background: var(--ground); vertical-align: bottom; overflow: hidden; overflow: clip; contain: paint; unicode-bidi: isolate; }
h1, ul, dd { contain: paint; }
.words { white-space: nowrap; }
.words .foreign { max-width: calc(100% - 1.5em); white-space: normal; }
.warning, .actions, .other, footer { position: relative; z-index: 1; }
.note, .where { color: var(--soft); font-size: .9rem; }
.warning { padding: .65rem .85rem; border-radius: 8px; background: var(--warn-ground); color: var(--warn-ink); }
fieldset { margin: 1rem 0 0; padding: 0; border: 0; }
legend { padding: 0; margin-bottom: .25rem; font-weight: 600; }
label { display: block; margin-bottom: .35rem; font-weight: 600; }
label.choice { display: flex; gap: .5rem; align-items: flex-start; font-weight: 400; }
.choice input { flex: none; width: 1.15rem; height: 1.15rem; margin: .2rem 0 0; accent-color: var(--strong); }
input:not([type="checkbox"], [type="hidden"]) { width: 100%; margin-bottom: 1rem; padding: .6rem .75rem; border: 1px solid var(--soft); border-radius: 8px; background: transparent; color: inherit; font: inherit; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.25rem; }
button { flex: 1 1 9rem; padding: .65rem 1rem; border: 1px solid var(--strong); border-radius: 8px; background: transparent; color: var(--strong); font: inherit; font-weight: 600; cursor: pointer; }
button.primary { background: var(--fill); color: var(--on-fill); }
button.link { flex: none; padding: 0; border: 0; text-decoration: underline; font-weight: 400; }
.other { margin: 1rem 0 0; }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px; }
@media (max-width: 30rem) { body { padding: .75rem; } main { margin-top: 0; padding: 1.25rem; } footer { padding: 1rem 1.25rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
`
