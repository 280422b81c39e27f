import { answer, type ConnectedClient, recordingFetch, sampled } from './walk-client.js'

interface JsonRpc {
  readonly id?: string | number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string }
}

const version = '2026-07-28'
const key = (name: string) => `io.modelcontextprotocol/${name}`
const clientInfo = { name: 'claude-like', title: 'Claude-like', version: '1.0.0', websiteUrl: 'https://example.com' }
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: { listChanged: true } }

/**
 * A client as desktop hosts and coding agents are made, of plain requests and without an SDK: it counts its ids from 0,
 * asks for progress on every call, keeps a GET stream open in the legacy era, and answers what it is asked. It has no
 * login.
 */
export async function connectClaudeLike(url: string, mode: 'legacy' | 'modern'): Promise<ConnectedClient> {
  const { fetch, exchanges } = recordingFetch()
  const questions: string[] = []
  const progress = new Map<unknown, (progress: number) => void>()
  let session: Record<string, string> = {}
  let lastId = -1

  const replyTo = ({ method, params }: JsonRpc): Record<string, unknown> => {
    if (method === 'sampling/createMessage') return sampled
    if (method === 'roots/list') return { roots: [{ uri: 'file:///home/ada', name: 'home' }] }
    if (method !== 'elicitation/create') return {}
    questions.push(String(params?.message))
    return { action: 'accept', content: answer }
  }
  const post = (message: JsonRpc, more: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: {
        Accept: 'application/json, text/event-stream',
        'Content-Type': 'application/json',
        'User-Agent': 'claude-like/1.0.0',
        ...session,
        ...more,
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    })

  /** Sends a request and hears everything up to its answer. */
  const request = async (method: string, params: Record<string, unknown>, more: Record<string, string> = {}) => {
    const id = ++lastId
    const response = await post({ id, method, params }, more)
    for await (const message of messagesOf(response)) {
      if (message.method === 'notifications/progress') {
        progress.get(message.params?.progressToken)?.(Number(message.params?.progress))
      } else if (message.method !== undefined && message.id !== undefined) {
        await post({ id: message.id, result: replyTo(message) })
      } else if (message.id === id) {
        if (message.error) throw new Error(`${message.error.code} ${message.error.message}`)
        return { result: message.result ?? {}, headers: response.headers }
      }
    }
    throw new Error(`${method} was answered ${response.status} without an answer`)
  }

  /** Sends a request of the modern era, and again with answers for as long as it is asked something. */
  const modernRequest = async (method: string, params: Record<string, unknown>) => {
    const _meta = {
      ...(params._meta as object | undefined),
      [key('protocolVersion')]: version,
      [key('clientInfo')]: clientInfo,
      [key('clientCapabilities')]: capabilities,
    }
    const name = params.name ?? params.uri
    const headers = {
      'MCP-Protocol-Version': version,
      'Mcp-Method': method,
      ...(typeof name === 'string' ? { 'Mcp-Name': name } : {}),
    }
    let more = {}
    for (let round = 0; round < 10; round++) {
      const { result } = await request(method, { ...params, ...more, _meta }, headers)
      if (result.resultType !== 'input_required') return result
      const asked = Object.entries((result.inputRequests ?? {}) as Record<string, JsonRpc>)
      const inputResponses = Object.fromEntries(asked.map(([name, question]) => [name, replyTo(question)]))
      more = { inputResponses, requestState: result.requestState }
    }
    throw new Error(`${method} asks without end`)
  }

  const open = async () => {
    if (mode === 'modern') {
      const { _meta } = (await modernRequest('server/discover', {})) as { _meta?: Record<string, { name: string }> }
      return _meta?.[key('serverInfo')]?.name
    }
    const opened = await request('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo })
    const { protocolVersion, serverInfo } = opened.result as { protocolVersion: string; serverInfo: { name: string } }
    session = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '', 'MCP-Protocol-Version': protocolVersion }
    await post({ method: 'notifications/initialized' })
    const stream = await fetch(url, { headers: { Accept: 'text/event-stream', ...session } })
    void (async () => {
      for await (const message of messagesOf(stream)) {
        if (message.method !== undefined && message.id !== undefined)
          await post({ id: message.id, result: replyTo(message) })
      }
    })().catch(() => undefined)
    return serverInfo.name
  }

  const call = async (method: string, params: Record<string, unknown>) =>
    mode === 'modern' ? modernRequest(method, params) : (await request(method, params)).result
  const serverName = await open()
  return {
    exchanges,
    outcome: undefined,
    client: {
      serverName,
      questions,
      listTools: async () => {
        const { tools } = (await call('tools/list', {})) as { tools: { name: string }[] }
        return tools.map(({ name }) => name)
      },
      callTool: async (name, args = {}, onProgress) => {
        const progressToken = `call-${lastId + 1}`
        if (onProgress) progress.set(progressToken, onProgress)
        const { content } = (await call('tools/call', { name, arguments: args, _meta: { progressToken } })) as {
          content: { text?: string }[]
        }
        return content.map(({ text = '' }) => text).join('\n')
      },
      close: async () => {
        if (mode === 'legacy') await fetch(url, { method: 'DELETE', headers: session })
      },
    },
  }
}

/** The messages of an answer, whichever way they come. */
async function* messagesOf(response: Response): AsyncGenerator<JsonRpc> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    const text = await response.text()
    if (text !== '') yield JSON.parse(text)
    return
  }
  let rest = ''
  for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
        .join('\n')
      if (data !== '') yield JSON.parse(data)
    }
  }
}
