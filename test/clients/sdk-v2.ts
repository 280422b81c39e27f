import {
  Client,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client'
import { connectWithLogin } from './log-in.js'
import { OAuthMemory } from './oauth-memory.js'
import { type Authorize, answer, type ConnectedClient, recordingFetch, sampled } from './walk-client.js'

/**
 * A client made with version 2 of the MCP SDK, in this process; it logs in when it is asked to.
 *
 * @param mode `auto` asks for the modern era first, `modern` speaks no other; `legacy` is what the SDK does unless told
 */
export async function connectSdkV2(
  url: string,
  authorize: Authorize,
  mode: 'legacy' | 'auto' | 'modern' = 'legacy',
): Promise<ConnectedClient> {
  const { fetch, exchanges } = recordingFetch()
  const memory = new OAuthMemory<StoredOAuthClientInformation, StoredOAuthTokens, OAuthDiscoveryState>()
  const questions: string[] = []
  const { connected, outcome } = await connectWithLogin(memory, authorize, () => {
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: memory, fetch })
    const client = new Client(
      { name: 'walk-v2', version: '1.0.0' },
      {
        capabilities: { elicitation: { form: {} }, sampling: {} },
        versionNegotiation: { mode: mode === 'modern' ? { pin: '2026-07-28' } : mode },
      },
    )
    client.setRequestHandler('sampling/createMessage', async () => sampled)
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      questions.push(params.message)
      return { action: 'accept', content: answer }
    })
    return {
      connect: async () => {
        await client.connect(transport)
        return { client, transport }
      },
      finishAuth: (callback) => transport.finishAuth(callback.searchParams),
    }
  })
  const { client, transport } = connected
  return {
    exchanges,
    outcome,
    client: {
      serverName: client.getServerVersion()?.name,
      questions,
      listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
      callTool: async (name, args, onProgress) => {
        const options = onProgress && { onprogress: ({ progress }: { progress: number }) => onProgress(progress) }
        const { content } = await client.callTool({ name, arguments: args }, options)
        return content.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
      },
      close: async () => {
        await transport.terminateSession()
        await client.close()
      },
    },
  }
}
