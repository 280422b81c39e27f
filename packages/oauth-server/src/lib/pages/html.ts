/** HTML that is safe to put on a page. */
export interface Html {
  readonly html: string
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** A template whose values are escaped, unless they are {@link Html} themselves. */
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
  return String(value).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}
