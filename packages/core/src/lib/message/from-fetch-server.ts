import type { AuthInfo } from '../contract/auth-info.js'
import type { Handler } from '../contract/handler.js'
import { withMethods } from '../contract/option-types.js'
import { requestWithBody } from '../http/request-with-body.js'
import { transformResponse } from './transform-response.js'

/** What the MCP SDK's `createMcpHandler` returns, in the part that matters here. */
export interface FetchServer {
  fetch(request: Request, options?: { authInfo?: AuthInfo; parsedBody?: unknown }): Promise<Response>
}

/**
 * Makes a handler of an MCP server in this process that speaks `fetch`, such as the one that the MCP SDK's
 * `createMcpHandler` returns: the verified token arrives in its tools as `authInfo`, and transforms see its answers.
 *
 * @example
 * ```ts
 * const handler = fromFetchServer(createMcpHandler(() => buildServer()))
 * ```
 */
export function fromFetchServer(server: FetchServer): Handler {
  withMethods('an object with fetch, such as createMcpHandler(…) of the MCP SDK', 'fetch')(
    server,
    'The server of fromFetchServer',
  )
  return async (request, context) => {
    const { auth, message } = context
    const response = await server.fetch(requestWithBody(request, context), {
      ...(auth === undefined ? {} : { authInfo: auth }),
      ...(message === undefined ? {} : { parsedBody: message.json() }),
    })
    return transformResponse(context, response)
  }
}
