/** Whether this is Node itself. Bun, Deno and workerd have its modules too, but not all of what they do. */
export function isNode(): boolean {
  if (typeof process === 'undefined' || process.release?.name !== 'node') return false
  if (process.versions.bun !== undefined || typeof process.getBuiltinModule !== 'function') return false
  const agent = typeof navigator === 'undefined' ? undefined : navigator.userAgent
  return agent === undefined || agent.startsWith('Node.js/')
}
