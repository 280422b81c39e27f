/** MCP M14, M15 and the version and header errors: what HTTP says beside the JSON-RPC code. */
export const statuses: Readonly<Record<number, number>> = {
  [-32601]: 404,
  [-32020]: 400,
  [-32021]: 400,
  [-32022]: 400,
  [-32600]: 400,
  [-32700]: 400,
}
