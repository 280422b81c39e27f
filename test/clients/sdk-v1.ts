import type { OAuthDiscoveryState } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import {
  CallToolResultSchema,
  CreateMessageRequestSchema,
  ElicitRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { connectWithLogin } from './log-in.js'
import { OAuthMemory } from './oauth-memory.js'
import { type Authorize, answer, type ConnectedClient, recordingFetch, sampled } from './walk-client.js'

/** A client made with version 1 of the MCP SDK, in this process; it logs in when it is asked to. */
export async function connectSdkV1(url: string, authorize: Authorize): Promise<ConnectedClient> {
  const { fetch, exchanges } = recordingFetch()
  const memory = new OAuthMemory<OAuthClientInformationMixed, OAuthTokens, OAuthDiscoveryState>()
  const questions: string[] = []
  const { connected, outcome } = await connectWithLogin(memory, authorize, () => {
    const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: memory, fetch })
    const capabilities = { elicitation: { form: {} }, sampling: {} }
    const client = new Client({ name: 'walk-v1', version: '1.0.0' }, { capabilities })
    client.setRequestHandler(CreateMessageRequestSchema, async () => sampled)
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
      questions.push(params.message)
      return { action: 'accept', content: answer }
    })
    return {
      connect: async () => {
        await client.connect(transport)
        return { client, transport }
      },
      finishAuth: (callback) => transport.finishAuth(callback.searchParams.get('code') ?? ''),
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
        const { content } = await client.callTool({ name, arguments: args }, CallToolResultSchema, options)
        return (content as { text?: string }[]).map(({ text = '' }) => text).join('\n')
      },
      close: async () => {
        await transport.terminateSession()
        await client.close()
      },
    },
  }
}
