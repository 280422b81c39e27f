import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One request as it came. */
export interface EngineRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

export type Answer = (response: ServerResponse, request: EngineRequest) => void

/** A policy engine that answers as a test says. */
export interface EngineServer {
  readonly url: string
  readonly requests: EngineRequest[]
  answer: Answer
  close(): void
}

export async function startEngine(answer: Answer): Promise<EngineServer> {
  const server = createServer(async (incoming, response) => {
    let text = ''
    for await (const part of incoming) text += part
    const { method = '', url = '', headers } = incoming
    const request = { method, url, headers, body: text === '' ? undefined : JSON.parse(text) }
    engine.requests.push(request)
    engine.answer(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const engine: EngineServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answer,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return engine
}

/** An answer with JSON. */
export const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))
