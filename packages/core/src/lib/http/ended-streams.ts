import { BytesResponse } from './bytes-response.js'

/** Event streams that can be ended from here: nobody but their two sides would end them otherwise. */
export interface EndedStreams {
  /** @returns the response to hand on in place of the given one; the same where it is no event stream */
  add(response: Response): Response
  /** Ends the streams that are open, as if they had come to their end. */
  end(): void
}

export function endedStreams(): EndedStreams {
  const open = new Set<() => void>()
  return {
    add(response) {
      const { body, status, statusText, headers } = response
      const isStream = headers.get('content-type')?.startsWith('text/event-stream') ?? false
      if (!isStream || BytesResponse.contentOf(response) !== undefined || body === null) return response
      return new Response(endable(body, open), { status, statusText, headers })
    },
    end() {
      for (const end of open) end()
    },
  }
}

function endable(body: ReadableStream<Uint8Array>, open: Set<() => void>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let end = () => {}
  return new ReadableStream(
    {
      start(controller) {
        end = () => {
          if (!open.delete(end)) return
          controller.close()
          reader.cancel(new DOMException('The gateway is closing', 'AbortError')).catch(() => {})
        }
        open.add(end)
      },
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (done) end()
          else if (open.has(end)) controller.enqueue(value)
        } catch (error) {
          if (open.delete(end)) controller.error(error)
        }
      },
      cancel(reason) {
        open.delete(end)
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
