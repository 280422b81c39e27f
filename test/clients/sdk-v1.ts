import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { OAuthMemory } from './oauth-memory.js'
import type { Outcome } from './person.js'
import { answer, type Exchange, recordingFetch, type WalkClient } from './walk-client.js'

/** A client made with version 1 of the MCP SDK, in this process; it logs in when it is asked to. */
export async function connectSdkV1(
  url: string,
  authorize: (url: URL) => Promise<Outcome>,
): Promise<{ client: WalkClient; exchanges: Exchange[]; outcome: Outcome | undefined }> {
  const { fetch, exchanges } = recordingFetch()
  const memory = new OAuthMemory<OAuthClientInformationMixed, OAuthTokens>()
  const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: memory, fetch })
  const create = () => {
    const client = new Client({ name: 'walk-v1', version: '1.0.0' }, { capabilities: { elicitation: { form: {} } } })
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
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
    await connected.finishAuth(outcome.callback.searchParams.get('code') ?? '')
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
        const { content } = await client.callTool({ name, arguments: args }, CallToolResultSchema, {
          onprogress: ({ progress }) => onProgress?.(progress),
        })
        return (content as { text?: string }[]).map(({ text = '' }) => text).join('\n')
      },
      close: async () => {
        await connected.terminateSession()
        await client.close()
      },
    },
  }
}
