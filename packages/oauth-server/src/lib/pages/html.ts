import { displayText } from '@mcp-gateway/core/internal'

/** HTML that is safe to put on a page. */
export interface Html {
  readonly html: string
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** A template whose values are escaped and made fit to be shown, unless they are {@link Html} themselves. */
export function html(
  texts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  return {
    html: texts.reduce((whole, text, index) => whole + render(values[index - 1] ?? '') + text),
  }
}

function render(value: string | number | Html | readonly Html[]): string {
  if (typeof value === 'object') return 'html' in value ? value.html : value.map((part) => part.html).join('')
  return displayText(String(value)).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** A name that somebody else chose: in a box of its own, from which it can neither reorder nor cover what is around it. */
export function foreign(name: string): Html {
  return html`<bdi class="foreign">${displayText(name, longestName)}</bdi>`
}

/** Characters of a name that are shown: a sentence of the page's kind does not fit into many. */
export const longestName = 80
