import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of memory that are in use: objects, and the memory of buffers beside them. */
export function usedBytes(): number {
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Lets everything happen that needs no more input. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A stream that gives so many chunks, each of its own, and then waits until it is told to end. */
export interface WaitingStream {
  readonly stream: ReadableStream<Uint8Array>
  /** Resolves when all chunks were taken, and somebody wants more. */
  readonly taken: Promise<void>
  end(): void
}

export function waitingStream(chunks: number, chunk: (index: number) => Uint8Array): WaitingStream {
  let taken = () => {}
  let end = () => {}
  const isTaken = new Promise<void>((resolve) => {
    taken = resolve
  })
  const isOver = new Promise<void>((resolve) => {
    end = resolve
  })
  let sent = 0
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (sent < chunks) {
          controller.enqueue(chunk(sent++))
          return
        }
        taken()
        await isOver
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, taken: isTaken, end }
}
