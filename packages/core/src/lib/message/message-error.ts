import { GatewayError } from '../contract/gateway-error.js'

/** A message that cannot be accepted, with the JSON-RPC code that says why. */
export class MessageError extends GatewayError {
  override readonly name = 'MessageError'
  /** -32700 not JSON, -32600 not a JSON-RPC message, and the codes that MCP defines. */
  readonly rpcCode: number
  /** The id of the refused request, where one could be read. */
  readonly id?: string | number | null
  readonly data?: unknown
  /** The HTTP status to answer with. */
  readonly httpStatus: 200 | 400

  constructor(
    rpcCode: number,
    message: string,
    options?: { id?: string | number | null; data?: unknown; httpStatus?: 200 | 400 },
  ) {
    super('invalid_request', message)
    this.rpcCode = rpcCode
    this.httpStatus = options?.httpStatus ?? 400
    this.id = options?.id
    this.data = options?.data
  }
}
