/** The page as a whole. */
export function App() {
  return (
    <main class="mx-auto max-w-6xl p-4">
      <h1 class="text-2xl font-bold">edgepool</h1>
    </main>
  );
}
