// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AssetInfo, AssetState} from "../../../contracts/interfaces/IAssets.sol";
import {Ancestor, Parent} from "../../../contracts/interfaces/ILineage.sol";
import {Lineage} from "../../../contracts/revenue/Lineage.sol";

/// @title LineageProofs: what an asset owes its ancestors, whatever they ask for.
/// @dev Proven by halmos (`make prove`), fuzzed by forge. This contract is the registry: its assets ask for `_asked`.
contract LineageProofs {
    uint256 private constant MAX_ROYALTY_BPS = 3000;
    uint256 private constant CHILD = 100;

    Lineage private _lineage;
    mapping(uint256 assetId => uint16) private _asked;

    function setUp() public {
        _lineage = new Lineage();
    }

    /// @notice Set what an asset asks for.
    /// @dev Only by a call: the prover does not know a slot again that the compiler computed beforehand.
    function ask(uint256 assetId, uint16 royaltyBps) external {
        _asked[assetId] = royaltyBps;
    }

    /// @notice What the registry says of its assets: all may be derived from.
    function assetInfo(uint256 assetId) external view returns (AssetInfo memory info) {
        info.state = AssetState.Active;
        info.derivatives.allowed = true;
        info.derivatives.royaltyBps = _asked[assetId];
    }

    /// @notice Three parents, some of which may be the same: each is owed what it asks for, once, within the cap.
    function testProve_parentsAreOwedWhatTheyAskForWithinTheCap(
        uint64[3] calldata ids,
        uint16[3] calldata asked
    ) external {
        Parent[] memory parents = new Parent[](3);
        for (uint256 i = 0; i < 3; ++i) {
            parents[i] = Parent(address(this), ids[i]);
            this.ask(ids[i], asked[i]);
        }
        if (!_declare(CHILD, parents)) return;
        for (uint256 i = 0; i < 3; ++i) {
            assert(_owed(CHILD, ids[i]) == _asked[ids[i]]);
        }
    }

    /// @notice Eight ancestors are as many as there can be, and together they stay within the cap.
    function testProve_eightAncestorsTogetherStayWithinTheCap(uint16[8] calldata asked) external {
        Parent[] memory parents = new Parent[](8);
        for (uint256 i = 0; i < 8; ++i) {
            parents[i] = Parent(address(this), i + 1);
            this.ask(i + 1, asked[i]);
        }
        if (!_declare(CHILD, parents)) return;
        for (uint256 i = 0; i < 8; ++i) {
            assert(_owed(CHILD, i + 1) == asked[i]);
        }
    }

    /// @notice A ninth is refused, even if it asks for nothing.
    function testProve_aNinthIsRefused(uint16[9] calldata asked) external {
        Parent[] memory parents = new Parent[](9);
        for (uint256 i = 0; i < 9; ++i) {
            parents[i] = Parent(address(this), i + 1);
            this.ask(i + 1, asked[i]);
        }
        assert(!_declare(CHILD, parents));
    }

    /// @notice Two ways to the same ancestor, whose terms changed in between, and three generations on each way.
    function testProve_noWayDilutesAnAncestor(
        uint16 before,
        uint16 later,
        uint16 one,
        uint16 other,
        uint16 middle
    ) external {
        // 1 is the ancestor; 2 and 3 were made from it, the latter when it asked for something else; 4 was made from 3.
        this.ask(1, before);
        this.ask(2, one);
        this.ask(3, other);
        this.ask(4, middle);
        if (!_declare(2, _list(1, 1))) return;
        this.ask(1, later);
        if (!_declare(3, _list(1, 1)) || !_declare(4, _list(3, 3)) || !_declare(CHILD, _list(2, 4))) return;
        assert(_owed(CHILD, 1) == (before > later ? before : later));
        assert(_owed(CHILD, 2) == one && _owed(CHILD, 3) == other && _owed(CHILD, 4) == middle);
        // What was fixed stays, whatever is asked for now.
        this.ask(1, 0);
        assert(_owed(2, 1) == before && _owed(3, 1) == later && _owed(4, 1) == later);
    }

    /// @notice What an asset owes is fixed once.
    function testProve_whatIsOwedIsFixedOnce(uint16 asked, uint16 later) external {
        this.ask(1, asked);
        if (!_declare(CHILD, _list(1, 1))) return;
        this.ask(1, later);
        assert(!_declare(CHILD, _list(1, 1)) && _owed(CHILD, 1) == asked);
    }

    function refute_oneAncestorMayTakeAll(uint16 asked) external {
        this.ask(1, asked);
        assert(_declare(CHILD, _list(1, 1)));
    }

    function refute_twoWaysAreOwedTwice(uint16 before, uint16 later) external {
        this.ask(1, before);
        if (!_declare(2, _list(1, 1))) return;
        this.ask(1, later);
        if (!_declare(3, _list(1, 1)) || !_declare(CHILD, _list(2, 3))) return;
        assert(_owed(CHILD, 1) == uint256(before) + later);
    }

    /// @dev Whether it was taken; if so, it holds what any table of ancestors must.
    function _declare(uint256 assetId, Parent[] memory parents) private returns (bool) {
        try _lineage.declareParents(assetId, parents) returns (uint16 royaltyBps) {
            Ancestor[] memory ancestors = _lineage.ancestorsOf(address(this), assetId);
            uint256 sum = 0;
            for (uint256 i = 0; i < ancestors.length; ++i) {
                sum += ancestors[i].royaltyBps;
            }
            assert(sum == royaltyBps && sum <= MAX_ROYALTY_BPS && ancestors.length <= 8);
            return true;
        } catch {
            return false;
        }
    }

    /// @dev What an asset owes an ancestor, in all its entries together.
    function _owed(uint256 assetId, uint256 ancestor) private view returns (uint256 royaltyBps) {
        Ancestor[] memory ancestors = _lineage.ancestorsOf(address(this), assetId);
        for (uint256 i = 0; i < ancestors.length; ++i) {
            if (ancestors[i].assetId == ancestor) royaltyBps += ancestors[i].royaltyBps;
        }
    }

    function _list(uint256 one, uint256 other) private view returns (Parent[] memory parents) {
        parents = new Parent[](2);
        (parents[0], parents[1]) = (Parent(address(this), one), Parent(address(this), other));
    }
}
