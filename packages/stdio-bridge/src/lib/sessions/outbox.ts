/** A message that found no stream. */
export interface Unsent {
  readonly bytes: Buffer
  /** The number of the child's request, when it is one. */
  readonly ask?: number
}

const maxMessages = 256
const maxBytes = 1_048_576

/** Holds what a child says while no stream of its client is open: the newest messages, bounded. */
export class Outbox {
  #messages: Unsent[] = []
  #bytes = 0

  /** Keeps a message, and returns the child's requests that are not kept any more for it. */
  add(bytes: Buffer, ask?: number): readonly number[] {
    // The bytes may be part of a larger chunk
    this.#messages.push({ bytes: Buffer.from(bytes), ask })
    this.#bytes += bytes.length
    const fallen: number[] = []
    while (this.#messages.length > maxMessages || this.#bytes > maxBytes) {
      const oldest = this.#messages.findIndex((message) => message.ask === undefined)
      const [dropped] = this.#messages.splice(Math.max(0, oldest), 1)
      this.#bytes -= dropped?.bytes.length ?? 0
      if (dropped?.ask !== undefined) fallen.push(dropped.ask)
    }
    return fallen
  }

  /** Everything, oldest first; nothing stays. */
  take(): readonly Unsent[] {
    const messages = this.#messages
    this.#messages = []
    this.#bytes = 0
    return messages
  }

  /** Takes back a request; says whether it was still here. */
  remove(ask: number): boolean {
    const index = this.#messages.findIndex((message) => message.ask === ask)
    if (index === -1) return false
    const [removed] = this.#messages.splice(index, 1)
    this.#bytes -= removed?.bytes.length ?? 0
    return true
  }
}
