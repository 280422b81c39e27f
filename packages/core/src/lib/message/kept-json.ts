/** Up to this many bytes a message keeps what it was parsed to. */
const keptUpTo = 4096

/**
 * What the bytes of a message were parsed to. A parsed message takes up to a hundred times its bytes, and requests wait:
 * that of a large message is kept only as long as somebody else uses it, or until memory is needed, and is parsed anew
 * when it is asked for again.
 */
export class KeptJson<T extends object> {
  readonly #isSmall: boolean
  #strong: T | undefined
  #weak: WeakRef<T> | undefined

  /** @param size of the message in bytes */
  constructor(size: number, json: T | undefined) {
    this.#isSmall = size <= keptUpTo
    if (json !== undefined) this.set(json)
  }

  get(): T | undefined {
    return this.#strong ?? this.#weak?.deref()
  }

  set(json: T): T {
    if (this.#isSmall) this.#strong = json
    // A runtime without weak references parses a large message each time
    else if (typeof WeakRef === 'function') this.#weak = new WeakRef(json)
    return json
  }
}
