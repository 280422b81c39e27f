/** Labels of a series. */
export type Labels = Record<string, string>

/**
 * Bounds the series of one metric: a combination of labels beyond the limit is counted as `_overflow`. It also keeps the
 * objects of labels, so that none is made for each request.
 */
export class SeriesLimit<Name extends string> {
  readonly #known = new Map<string, Labels>()
  readonly #names: readonly Name[]
  readonly #max: number
  readonly #overflow: Labels
  readonly #onOverflow: () => void

  /** @param onOverflow is called once */
  constructor(names: readonly Name[], max: number, onOverflow: () => void) {
    this.#names = names
    this.#max = max
    this.#overflow = Object.fromEntries(names.map((name) => [name, '_overflow']))
    this.#onOverflow = onOverflow
  }

  /** The labels with these values, in the order of their names. */
  of(...values: readonly string[]): Labels {
    const key = values.join('\0')
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= this.#max) {
      if (this.#known.size === this.#max) {
        this.#known.set('', this.#overflow)
        this.#onOverflow()
      }
      return this.#overflow
    }
    const labels = Object.fromEntries(this.#names.map((name, index) => [name, values[index] ?? '']))
    this.#known.set(key, labels)
    return labels
  }
}
