const lineFeed = 0x0a
const carriageReturn = 0x0d
const encoder = new TextEncoder()
const eventName = encoder.encode('event: message\n')
const eventField = encoder.encode('event:')
const dataField = encoder.encode('data:')
const idField = encoder.encode('id:')
const comment = encoder.encode(': keep-alive\n')
const commentBlock = encoder.encode(': keep-alive\n\n')
const none = new Uint8Array()
/** Bytes of a line that tell whether it has data: the field, a space and one byte more. */
const telling = 7

/**
 * Looks at a `text/event-stream` as it passes: names the events that have data and no name, which some clients do not hear
 * otherwise (by the HTML standard `message` is what they are called), and knows where a comment can stand and whether a
 * client can resume. It parses no
 * data, keeps no more than the begin of a line, and gives back the chunk that it got where nothing is to be added. Lines
 * that end in a carriage return alone are left as they are.
 */
export class EventFrames {
  #held: Uint8Array = none
  #isAtLineStart = true
  #isAtEventStart = true
  #isNamed = false
  #hasId = false
  #canResume = false

  /** Whether an event with an id has passed whole, after which a client can ask for the rest of the stream. */
  get canResume(): boolean {
    return this.#canResume
  }

  /** What to send for a chunk of the stream; may be empty. */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = this.#held.length === 0 ? chunk : joined([this.#held, chunk])
    this.#held = none
    let parts: Uint8Array[] | undefined
    let copied = 0
    let at = 0
    while (at < bytes.length) {
      if (this.#isAtLineStart) {
        const end = bytes.indexOf(lineFeed, at)
        if (end === -1 && bytes.length - at < telling) {
          this.#held = bytes.slice(at)
          break
        }
        if (this.#needsName(bytes, at, end === -1 ? bytes.length : end)) {
          parts ??= []
          parts.push(bytes.subarray(copied, at), eventName)
          copied = at
        }
        this.#isAtLineStart = end !== -1
        at = end === -1 ? bytes.length : end + 1
      } else {
        const end = bytes.indexOf(lineFeed, at)
        this.#isAtLineStart = end !== -1
        at = end === -1 ? bytes.length : end + 1
      }
    }
    const last = bytes.length - this.#held.length
    if (parts === undefined) return last === bytes.length ? bytes : bytes.subarray(0, last)
    parts.push(bytes.subarray(copied, last))
    return joined(parts)
  }

  /** What is left when the stream has ended. */
  end(): Uint8Array {
    const held = this.#held
    this.#held = none
    return held
  }

  /** A comment that can be sent now; `undefined` in the middle of a line. */
  comment(): Uint8Array | undefined {
    if (!this.#isAtLineStart || this.#held.length > 0) return undefined
    // An empty line would end the event that is under way
    return this.#isAtEventStart ? commentBlock : comment
  }

  #needsName(bytes: Uint8Array, start: number, end: number): boolean {
    const length = bytes[end - 1] === carriageReturn && end > start ? end - 1 - start : end - start
    if (length === 0) {
      this.#isAtEventStart = true
      this.#isNamed = false
      this.#canResume ||= this.#hasId
      return false
    }
    this.#isAtEventStart = false
    if (length > idField.length && startsWith(bytes, start, idField)) this.#hasId = true
    if (startsWith(bytes, start, eventField)) this.#isNamed = true
    if (this.#isNamed || !startsWith(bytes, start, dataField)) return false
    // Events without data only tell an id, and a name would let clients look for a message in them
    const isEmpty = length === dataField.length || (length === dataField.length + 1 && bytes[start + 5] === 0x20)
    this.#isNamed = !isEmpty
    return !isEmpty
  }
}

function startsWith(bytes: Uint8Array, at: number, field: Uint8Array): boolean {
  for (let index = 0; index < field.length; index++) if (bytes[at + index] !== field[index]) return false
  return true
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
