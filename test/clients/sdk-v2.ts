import {
  Client,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import { OAuthMemory } from './oauth-memory.js'
import type { Outcome } from './person.js'
import { answer, type Exchange, recordingFetch, type WalkClient } from './walk-client.js'

/** A client made with version 2 of the MCP SDK, in this process; it logs in when it is asked to. */
export async function connectSdkV2(
  url: string,
  authorize: (url: URL) => Promise<Outcome>,
): Promise<{ client: WalkClient; exchanges: Exchange[]; outcome: Outcome | undefined }> {
  const { fetch, exchanges } = recordingFetch()
  const memory = new OAuthMemory<StoredOAuthClientInformation, StoredOAuthTokens>()
  const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: memory, fetch })
  const create = () => {
    const client = new Client({ name: 'walk-v2', version: '1.0.0' }, { capabilities: { elicitation: { form: {} } } })
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      questions.push(params.message)
      return { action: 'accept', content: answer }
    })
    return client
  }
  const questions: string[] = []
  let outcome: Outcome | undefined
  let connected = transport()
  let client = create()
  try {
    await client.connect(connected)
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || !memory.authorizationUrl) throw error
    outcome = await authorize(memory.authorizationUrl)
    if (!memory.isMine(outcome.callback)) throw new Error('The callback has another state than the one that was sent')
    await connected.finishAuth(outcome.callback.searchParams)
    connected = transport()
    client = create()
    await client.connect(connected)
  }
  return {
    exchanges,
    outcome,
    client: {
      serverName: client.getServerVersion()?.name,
      questions,
      listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
      callTool: async (name, args, onProgress) => {
        const { content } = await client.callTool(
          { name, arguments: args },
          { onprogress: ({ progress }) => onProgress?.(progress) },
        )
        return content.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
      },
      close: async () => {
        await connected.terminateSession()
        await client.close()
      },
    },
  }
}
