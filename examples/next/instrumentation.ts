export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { startHosted } = await import('@mcp-gateway/example-gateway')
  await startHosted()
}
