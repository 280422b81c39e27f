export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { startHosted } = await import('./gateway')
  await startHosted()
}
