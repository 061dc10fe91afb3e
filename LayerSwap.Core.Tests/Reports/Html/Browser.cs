using Microsoft.Playwright;

namespace LayerSwap.Tests.Reports;

/// <summary>A test that opens a page in Debian's Chromium; skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute() => Skip = File.Exists(Browser.Path) ? null : $"Needs {Browser.Path}: apt-get install chromium.";
}

/// <summary>One headless browser per test class, which records requests and errors.</summary>
public sealed class Browser : IAsyncLifetime
{
    public const string Path = "/usr/bin/chromium";

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        if (!File.Exists(Path))
        {
            return;
        }

        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Path,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }

    /// <summary>Opens a document from a file, as a user would.</summary>
    /// <returns>The page, and everything that went wrong or went out while it loaded, which should be nothing.</returns>
    public async Task<(IPage Page, List<string> Complaints)> OpenAsync(string file, int width,
        int height = 900, ColorScheme scheme = ColorScheme.Light, bool script = true)
    {
        IBrowserContext context =
            await _browser!.NewContextAsync(
                new BrowserNewContextOptions
                {
                    ViewportSize = new ViewportSize { Width = width, Height = height },
                    ColorScheme = scheme,
                    JavaScriptEnabled = script
                });
        IPage page = await context.NewPageAsync();
        List<string> complaints = [];
        page.Console += (_, message) => complaints.Add("console: " + message.Text);
        page.PageError += (_, error) => complaints.Add("error: " + error);
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith("file:", StringComparison.Ordinal) || !request.IsNavigationRequest)
            {
                complaints.Add("request: " + request.Url);
            }
        };
        await page.GotoAsync("file://" + file, new PageGotoOptions { WaitUntil = WaitUntilState.Load });
        return (page, complaints);
    }
}
