/**
 * Parses a JSON-RPC message that is written as most programs write it: no white space between its members, `params`,
 * `result` or `error` an object, the others short. That object is parsed alone: what is JSON by itself ends where the
 * rest begins. So nothing is in the message twice and nothing else is in it, without looking for it in a long text.
 *
 * @returns the message, its members in the order of the text; `undefined` for what is written otherwise, and for what is
 *   no JSON
 */
export function parseUsual(text: string): Record<string, unknown> | undefined {
  const json: Record<string, unknown> = {}
  const reader = new Reader(text)
  if (!reader.take('{')) return undefined
  const hasVersion = reader.take('"jsonrpc":"2.0",')
  if (hasVersion) json.jsonrpc = '2.0'
  const hasId = reader.take('"id":')
  if (hasId) {
    const id = reader.id()
    if (id === undefined || !reader.take(',')) return undefined
    json.id = id
  }
  if (reader.take('"method":')) {
    const method = reader.string()
    if (method === undefined || !reader.take(',')) return undefined
    json.method = method
  }
  let name = 'result'
  if (!reader.take('"result":')) {
    if (reader.take('"params":')) name = 'params'
    else if (reader.take('"error":')) name = 'error'
    else return undefined
  }
  const start = reader.at
  const end = text.lastIndexOf('}', text.length - 2) + 1
  if (text.charCodeAt(start) !== 0x7b || end <= start) return undefined
  reader.at = end
  const hasVersionBehind = !hasVersion && reader.take(',"jsonrpc":"2.0"')
  const hasIdBehind = !hasId && reader.take(',"id":')
  const id = hasIdBehind ? reader.id() : undefined
  if (!(hasVersion || hasVersionBehind) || hasIdBehind !== (id !== undefined)) return undefined
  if (!reader.take('}') || reader.at !== text.length) return undefined
  try {
    json[name] = JSON.parse(text.slice(start, end))
  } catch {
    return undefined
  }
  if (hasVersionBehind) json.jsonrpc = '2.0'
  if (id !== undefined) json.id = id
  return json
}

/** Reads on in a text. After what it cannot read, nothing is where it should be. */
class Reader {
  readonly #text: string
  at = 0

  constructor(text: string) {
    this.#text = text
  }

  /** Goes on behind this text where it comes next. */
  take(expected: string): boolean {
    const isThere = this.#text.startsWith(expected, this.at)
    if (isThere) this.at += expected.length
    return isThere
  }

  /** A string without escapes, or a small whole number. */
  id(): string | number | undefined {
    if (this.#text.charCodeAt(this.at) === 0x22) return this.string()
    let value = 0
    const start = this.at
    for (; this.at - start < 15; this.at++) {
      const digit = this.#text.charCodeAt(this.at) - 0x30
      // JSON has no zero in front of other digits
      if (!(digit >= 0 && digit <= 9) || (value === 0 && this.at > start)) break
      value = value * 10 + digit
    }
    return this.at === start ? undefined : value
  }

  string(): string | undefined {
    if (this.#text.charCodeAt(this.at) !== 0x22) return undefined
    const start = this.at + 1
    for (let index = start; ; index++) {
      const code = this.#text.charCodeAt(index)
      if (code === 0x22) {
        this.at = index + 1
        return this.#text.slice(start, index)
      }
      // An escape, a control character, or the end
      if (code === 0x5c || !(code > 0x1f)) return undefined
    }
  }
}
