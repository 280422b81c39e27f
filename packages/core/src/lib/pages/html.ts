import { displayText } from '../text/display-text.js'

/** HTML that is safe to put on a page. Only {@link html} and {@link rawHtml} make it: an object of JSON is never taken for it. */
export class Html {
  readonly html: string

  constructor(html: string) {
    this.html = html
  }
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** A template whose values are escaped and made fit to be shown, unless they are {@link Html} themselves. */
export function html(
  texts: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  return new Html(texts.reduce((whole, text, index) => whole + render(values[index - 1] ?? '') + text))
}

/** HTML that is put on a page as it is. Never give it what somebody else wrote. */
export function rawHtml(text: string): Html {
  return new Html(text)
}

function render(value: string | number | Html | readonly Html[]): string {
  if (value instanceof Html) return value.html
  if (Array.isArray(value)) return value.map(render).join('')
  return displayText(String(value)).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** A name that somebody else chose: in a box of its own, from which it can neither reorder nor cover what is around it. */
export function foreign(name: string): Html {
  return html`<bdi class="foreign">${displayText(name, longestName)}</bdi>`
}

/** Characters of a name that are shown: a sentence of the page's kind does not fit into many. */
export const longestName = 80
