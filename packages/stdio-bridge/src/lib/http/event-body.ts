/** Who hears of the reader of an {@link EventBody}. */
export interface EventBodyListener {
  /** The client went away. */
  closed(): void
  /** There is room again. */
  drained(): void
}

/** A response body that is written to, with a queue whose length is known. */
export class EventBody {
  readonly stream: ReadableStream<Uint8Array>
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #full = false
  /** When it was last read from or written to while there was room, by `performance.now()`. */
  activeAt: number = performance.now()

  readonly #highWaterMark: number

  constructor(highWaterMark: number, listener: EventBodyListener) {
    this.#highWaterMark = highWaterMark
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => {
          this.activeAt = performance.now()
          if (!this.#full) return
          this.#full = false
          listener.drained()
        },
        cancel: () => {
          this.#controller = undefined
          listener.closed()
        },
      },
      { highWaterMark, size: (chunk) => chunk.byteLength },
    )
  }

  get isOpen(): boolean {
    return this.#controller !== undefined
  }

  /** Whether more is queued than the reader should be given at once; never where nothing more will be written. */
  get isFull(): boolean {
    return this.isOpen && this.#full
  }

  /** Bytes that wait for the reader, where more may be written. */
  get queued(): number {
    const room = this.#controller?.desiredSize ?? this.#highWaterMark
    return this.#highWaterMark - room
  }

  write(bytes: Uint8Array): void {
    const controller = this.#controller
    if (controller === undefined) return
    controller.enqueue(bytes)
    const room = controller.desiredSize ?? 0
    if (room <= 0) this.#full = true
    else this.activeAt = performance.now()
  }

  end(): void {
    this.#controller?.close()
    this.#controller = undefined
  }
}
