/** The style sheet of every page; its hash is in the content security policy. */
export const styles = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #f6f8fa; --card: #fff; --accent: #0b5cad; --warn-ground: #fff4d6; --warn-ink: #5c3d00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b3; --line: #3d444d; --ground: #0d1117; --card: #161b22; --accent: #6cb6ff; --warn-ground: #3a2d0b; --warn-ink: #f5d98b; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.5rem 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 30rem; margin: 4vh auto 0; padding: 1.75rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow-wrap: anywhere; }
main > :last-child { margin-bottom: 0; }
.owner { color: var(--soft); font-weight: 600; }
h1 { margin: 0 0 .75rem; font-size: 1.35rem; line-height: 1.75rem; }
h2 { margin: 1.25rem 0 .25rem; font-size: 1rem; }
p { margin: 0 0 .75rem; }
ul { margin: 0 0 .75rem; padding-left: 1.25rem; }
dl { margin: 1rem 0; display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; }
dt { color: var(--soft); }
dd { margin: 0; }
a { color: var(--accent); font-weight: 600; }
.foreign { display: inline-block; max-width: 100%; max-height: 3.5rem; max-height: calc(2lh + 2px); padding: 0 .3em; border: 1px solid var(--line); border-radius: 4px; background: var(--ground); vertical-align: bottom; overflow: hidden; overflow: clip; contain: paint; unicode-bidi: isolate; }
h1, ul, dd { contain: paint; }
.warning, .actions, .other { position: relative; z-index: 1; }
.note { color: var(--soft); font-size: .9rem; }
.warning { padding: .65rem .85rem; border-radius: 8px; background: var(--warn-ground); color: var(--warn-ink); }
label { display: block; margin-bottom: .35rem; font-weight: 600; }
input:not([type="hidden"]) { width: 100%; margin-bottom: 1rem; padding: .6rem .75rem; border: 1px solid var(--soft); border-radius: 8px; background: transparent; color: inherit; font: inherit; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.25rem; }
button { flex: 1 1 9rem; padding: .65rem 1rem; border: 1px solid var(--accent); border-radius: 8px; background: transparent; color: var(--accent); font: inherit; font-weight: 600; cursor: pointer; }
button.primary { background: var(--accent); color: var(--card); }
button.link { flex: none; padding: 0; border: 0; text-decoration: underline; font-weight: 400; }
.other { margin: 1rem 0 0; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media (max-width: 30rem) { body { padding: .75rem; } main { margin-top: 0; padding: 1.25rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }
`
