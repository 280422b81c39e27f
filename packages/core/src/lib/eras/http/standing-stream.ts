/** Seconds that requests wait for the stream to open. */
const timeoutMs = 2
/** Seconds until a stream that ended is opened again. */
const pause = 1

/** The GET stream of a session at a legacy server, opened again whenever it ends. */
export class StandingStream {
  /** Resolves when it is open, or does not open in time. Many servers lose what they say while nobody listens. */
  readonly opened: Promise<void>
  readonly #open: () => Promise<Response> | Response
  readonly #read: (body: ReadableStream<Uint8Array>) => Promise<void>
  readonly #closing: AbortSignal
  readonly #refused: () => void
  #isOpen: () => void = () => undefined

  /**
   * @param open asks for the stream
   * @param read reads one to its end
   * @param refused hears that the server refuses it, and does not say that it has none
   */
  constructor(
    open: () => Promise<Response> | Response,
    read: (body: ReadableStream<Uint8Array>) => Promise<void>,
    closing: AbortSignal,
    refused: () => void,
  ) {
    this.#open = open
    this.#read = read
    this.#closing = closing
    this.#refused = refused
    this.opened = new Promise((resolve) => {
      this.#isOpen = resolve
    })
  }

  async run(): Promise<void> {
    void elapsed(timeoutMs).then(this.#isOpen)
    while (!this.#closing.aborted) {
      try {
        const response = await this.#open()
        this.#isOpen()
        if (response.ok && response.body !== null) {
          await this.#read(response.body)
        } else {
          await response.body?.cancel()
          // MCP L4: a server need not have one
          if (response.status < 500) {
            if (response.status !== 405) this.#refused()
            return
          }
        }
      } catch {
        // It broke: it is opened again
        this.#isOpen()
      }
      await elapsed(pause)
    }
  }
}

function elapsed(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000)
    ;(timer as { unref?: () => void }).unref?.()
  })
}
