const methods: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** Whether a client may be asked for input in the course of such a request (MCP M20). */
export function mayRequireInput(method: string): boolean {
  return methods.has(method)
}
