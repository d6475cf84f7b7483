"""Names that no exercise needs, and what each of them is."""

PROCESS = "a process of its own"
THREAD = "a thread"
FOREIGN = "compiled code called directly"
BYTES = "objects made out of bytes"
TEXT = "code run out of a text or a file"
SIGNAL = "a signal handler"
HOOK = "a hook into Python's own workings"
FRAMES = "frames, or objects found in memory"
ENGINE = "the engine's own modules"
NAMES = "the notebook's names in a variable"
BUILTINS = "Python's own functions changed"
PARTS = "a function's code or defaults replaced"
GRAPH = "a network read from a text or a file"
INSIDES = "the insides of a library"
DEEP = "code that is nested too deeply to be read"
COMPUTED = "something imported or taken by a computed name"

_NAMES = {
    PROCESS: """
        subprocess multiprocessing pty joblib _posixsubprocess torch.multiprocessing
        os.system os.popen os.fork os.forkpty os.posix_spawn os.posix_spawnp
        os.execl os.execle os.execlp os.execv os.execve os.execvp os.execvpe
        os.spawnl os.spawnle os.spawnlp os.spawnv os.spawnve os.spawnvp
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell
        concurrent.futures.ProcessPoolExecutor
    """,
    THREAD: "threading _thread concurrent.futures asyncio.to_thread",
    FOREIGN: "ctypes _ctypes cffi numba llvmlite numpy.ctypeslib torch.utils.cpp_extension",
    BYTES: "pickle _pickle marshal shelve dill cloudpickle",
    TEXT: """
        runpy code codeop types.FunctionType types.CodeType importlib.util importlib.machinery
        imp zipimport pydoc pkgutil torch.jit.CompilationUnit torch.package torch.hub
        get_ipython().run_cell get_ipython().run_code get_ipython().ex get_ipython().ev
    """,
    SIGNAL: "signal faulthandler atexit",
    HOOK: """
        sys.setprofile sys.settrace sys.monitoring sys.addaudithook sys.excepthook
        sys.meta_path sys.path_hooks sys.path_importer_cache threading.setprofile
        threading.settrace threading.excepthook torch.overrides torch.library
        torch.utils._python_dispatch IPython.core IPython.terminal ipykernel
        get_ipython().ast_transformers get_ipython().events get_ipython().kernel
        get_ipython().input_transformers_cleanup get_ipython().input_transformers_post
    """,
    FRAMES: """
        gc inspect.currentframe inspect.stack inspect.getouterframes inspect.getinnerframes
        sys._getframe sys._current_frames traceback.walk_stack
    """,
    NAMES: "__main__ get_ipython().push get_ipython().user_ns get_ipython().user_global_ns",
    BUILTINS: "builtins.__dict__",
    GRAPH: """
        mxnet.sym.load_json mxnet.sym.load mxnet.sym.fromjson mxnet.symbol.load_json
        mxnet.symbol.load mxnet.symbol.fromjson mxnet.gluon.SymbolBlock
        mxnet.gluon.nn.SymbolBlock mxnet.model.load_checkpoint mxnet.contrib
        dlkit.mx.mx.sym.load_json dlkit.mx.mx.sym.load dlkit.mx.mx.sym.fromjson
        dlkit.mx.mx.symbol.load_json dlkit.mx.gluon.SymbolBlock dlkit.mx.gluon.nn.SymbolBlock
        torch.jit.load torch.export.load torch.onnx onnx onnxruntime tensorflow
    """,
    INSIDES: """
        torch._C torch._dynamo torch._inductor mxnet.base mxnet._ctypes mxnet._ffi mxnet.library
        dlkit.mx.mx.base dlkit.mx.mx.library numpy._core numpy.core._multiarray_umath
    """,
}

WHAT = {name: what for what, names in _NAMES.items() for name in names.split()}
"""By dotted name, which holds for all that is below it."""

ATTRIBUTES = {
    "f_locals": FRAMES,
    "f_globals": FRAMES,
    "f_back": FRAMES,
    "f_builtins": FRAMES,
    "tb_frame": FRAMES,
    "gi_frame": FRAMES,
    "__subclasses__": FRAMES,
    "user_ns": NAMES,
    "user_global_ns": NAMES,
    "__globals__": NAMES,
    "__kwdefaults__": PARTS,
    "__closure__": PARTS,
    "cell_contents": PARTS,
}
"""Attributes, whatever they belong to."""

REPLACED = {"__code__", "__defaults__"}
"""Parts of a function that can only be replaced, not changed."""

GUARDED = {
    "sys",
    "os",
    "builtins",
    "autograder",
    "threading",
    "get_ipython()",
    "importlib",
}
"""Modules from which nothing is taken by a computed name."""
